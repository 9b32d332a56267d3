// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ModelRegistry} from "./ModelRegistry.sol";
import {RewardManager} from "./RewardManager.sol";
import {RunRegistry} from "./RunRegistry.sol";
import {StakingRegistry} from "./StakingRegistry.sol";

/// @title Paid training
/// @notice A user locks a budget, members with stakes accept, train, and say together what came of it; whatever happens,
/// the money can be had by members or by the user once the job's deadline is over.
contract JobEscrow is EIP712, ReentrancyGuard {
    struct Terms {
        /// Hash of the task document.
        bytes32 task;
        /// Hash of the name of the metric, and the target in millionths; for a loss, at most that.
        bytes32 metric;
        int64 target;
        bool lowerIsBetter;
        uint32 mostRounds;
        uint16 members;
        /// For reaching the target, all members together, in wei.
        uint128 baseFee;
        /// Per round, all members together, in wei.
        uint128 roundFee;
        /// What each member must have staked.
        uint128 stake;
        /// Seconds since 1970 until which members may accept, and until which the job must be settled.
        uint64 acceptUntil;
        uint64 settleUntil;
    }

    enum State {
        None,
        Open,
        Full,
        Settled,
        Refunded
    }

    struct Job {
        address user;
        State state;
        Terms terms;
        /// The members of its run, which has the job's number.
        address[] members;
    }

    struct Outcome {
        bytes32 job;
        /// Hash of the run's manifest.
        bytes32 run;
        /// Digest of the final model, and of the proof that it is.
        bytes32 model;
        bytes32 proof;
        /// Keccak-256 of the address of the model's card.
        bytes32 card;
        uint32 rounds;
        /// In millionths.
        int64 metric;
        /// Of the members, in the order of acceptance; see `RewardManager.split`.
        uint256[] weights;
    }

    bytes32 public constant OUTCOME_TYPE = keccak256(
        "Outcome(bytes32 job,bytes32 run,bytes32 model,bytes32 proof,bytes32 card,uint32 rounds,int64 metric,uint256[] weights)"
    );
    uint64 public constant LONGEST_SECONDS = 366 days;
    /// Bytes of the addresses of a user or a member.
    uint256 public constant LONGEST_PLACE = 1_024;

    StakingRegistry public immutable stakes;
    RunRegistry public immutable runs;
    RewardManager public immutable rewards;
    ModelRegistry public immutable models;

    mapping(bytes32 id => Job) private _jobs;
    /// Whether a member's stake is locked for a job.
    mapping(bytes32 id => mapping(address account => bool)) private _isLocked;
    uint256 private _posted;
    /// Sum of the budgets of all jobs that are open or full: what this contract holds at least.
    uint256 public totalLocked;

    /// `where`: addresses at which the task document can be had, and the user be reached; of a member, its node's.
    event Posted(bytes32 indexed id, address indexed user, bytes32 indexed task, uint256 budget, string where);
    event Accepted(bytes32 indexed id, address indexed member, uint256 members, string where);
    event Filled(bytes32 indexed id);
    event Settled(bytes32 indexed id, bytes32 run, bytes32 model, uint32 rounds, int64 metric, uint256 paid, uint256 back);
    event Refunded(bytes32 indexed id, uint256 amount);

    error MalformedTerms();
    error WrongBudget(uint256 sent, uint256 budget);
    error WrongState(bytes32 id, State state);
    error TooLate(uint64 until);
    error TooEarly(uint64 until);
    error NothingLocked(address account);
    error NotUser(address caller);
    error WrongCard();
    error PlaceTooLong(uint256 length);
    error MalformedOutcome();

    constructor(StakingRegistry stakes_, RunRegistry runs_, RewardManager rewards_, ModelRegistry models_)
        EIP712("Tempered jobs", "1")
    {
        stakes = stakes_;
        runs = runs_;
        rewards = rewards_;
        models = models_;
    }

    function budgetOf(Terms calldata terms) public pure returns (uint256) {
        return uint256(terms.baseFee) + uint256(terms.roundFee) * terms.mostRounds;
    }

    /// @notice Locks the budget, which must be sent with it to the last wei.
    /// @param where see `Posted`
    function post(Terms calldata terms, string calldata where) external payable returns (bytes32 id) {
        _checkPlace(where);
        if (
            terms.task == 0 || terms.members == 0 || terms.members > runs.MOST_MEMBERS() || terms.mostRounds == 0
                || terms.acceptUntil <= block.timestamp || terms.settleUntil <= terms.acceptUntil
                || terms.settleUntil > block.timestamp + LONGEST_SECONDS
        ) revert MalformedTerms();
        uint256 budget = budgetOf(terms);
        if (msg.value != budget) revert WrongBudget(msg.value, budget);
        if (budget > type(uint128).max) revert MalformedTerms();
        id = keccak256(abi.encode(block.chainid, address(this), msg.sender, _posted++));
        Job storage job = _jobs[id];
        job.user = msg.sender;
        job.state = State.Open;
        job.terms = terms;
        totalLocked += budget;
        emit Posted(id, msg.sender, terms.task, budget, where);
    }

    /// @notice The sender takes part, if there is a place and its free stake suffices; that part is locked until the job is
    /// over. From then on it is a member of the job's run: the others go on without it if it stays away.
    /// @param where see `Accepted`
    function accept(bytes32 id, string calldata where) external {
        _checkPlace(where);
        Job storage job = _jobs[id];
        if (job.state != State.Open) revert WrongState(id, job.state);
        if (block.timestamp > job.terms.acceptUntil) revert TooLate(job.terms.acceptUntil);
        stakes.lock(msg.sender, job.terms.stake);
        runs.join(id, msg.sender, job.terms.members, job.terms.stake, job.terms.settleUntil);
        _isLocked[id][msg.sender] = true;
        job.members.push(msg.sender);
        emit Accepted(id, msg.sender, job.members.length, where);
        if (job.members.length < job.terms.members) return;
        job.state = State.Full;
        emit Filled(id);
    }

    /// @notice Pays by what two thirds of the members sign: the round fee for each round, the base fee if the target was
    /// reached; the rest goes back to the user, who gets the model's token too.
    function settle(Outcome calldata outcome, bytes[] calldata signatures, string calldata uri) external nonReentrant {
        Job storage job = _jobs[outcome.job];
        Terms storage terms = job.terms;
        if (job.state != State.Full) revert WrongState(outcome.job, job.state);
        if (block.timestamp > terms.settleUntil) revert TooLate(terms.settleUntil);
        if (keccak256(bytes(uri)) != outcome.card) revert WrongCard();
        if (outcome.weights.length != job.members.length || outcome.rounds > terms.mostRounds)
            revert MalformedOutcome();
        runs.requireQuorum(outcome.job, outcomeHash(outcome), signatures);

        job.state = State.Settled;
        runs.end(outcome.job);
        uint256 budget = uint256(terms.baseFee) + uint256(terms.roundFee) * terms.mostRounds;
        bool isReached = terms.lowerIsBetter ? outcome.metric <= terms.target : outcome.metric >= terms.target;
        uint256 paid = uint256(terms.roundFee) * outcome.rounds + (isReached ? terms.baseFee : 0);
        totalLocked -= budget;
        emit Settled(outcome.job, outcome.run, outcome.model, outcome.rounds, outcome.metric, paid, budget - paid);
        address[] memory members = job.members;
        if (paid != 0) rewards.credit{value: paid}(outcome.job, members, outcome.weights);
        models.registerFor(
            job.user,
            ModelRegistry.Model({
                job: outcome.job,
                run: outcome.run,
                model: outcome.model,
                proof: outcome.proof,
                task: terms.task,
                uri: uri
            }),
            members,
            outcome.weights
        );
        _payBack(job.user, budget - paid);
    }

    /// @notice Returns the budget to the user's balance in the RewardManager. While the job is open the user may ask at any
    /// time, others once nobody can accept it any more; once it is full, anybody after its deadline.
    function refund(bytes32 id) external nonReentrant {
        Job storage job = _jobs[id];
        if (job.state == State.Open) {
            if (msg.sender != job.user && block.timestamp <= job.terms.acceptUntil) revert NotUser(msg.sender);
        } else if (job.state == State.Full) {
            if (block.timestamp <= job.terms.settleUntil) revert TooEarly(job.terms.settleUntil);
        } else {
            revert WrongState(id, job.state);
        }
        job.state = State.Refunded;
        runs.end(id);
        uint256 budget = uint256(job.terms.baseFee) + uint256(job.terms.roundFee) * job.terms.mostRounds;
        totalLocked -= budget;
        emit Refunded(id, budget);
        _payBack(job.user, budget);
    }

    /// @notice Frees the sender's stake once a job is over.
    function release(bytes32 id) external {
        Job storage job = _jobs[id];
        if (job.state != State.Settled && job.state != State.Refunded) revert WrongState(id, job.state);
        if (!_isLocked[id][msg.sender]) revert NothingLocked(msg.sender);
        _isLocked[id][msg.sender] = false;
        stakes.unlock(msg.sender, job.terms.stake);
    }

    function jobOf(bytes32 id) external view returns (Job memory) {
        return _jobs[id];
    }

    function outcomeHash(Outcome calldata one) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    OUTCOME_TYPE,
                    one.job,
                    one.run,
                    one.model,
                    one.proof,
                    one.card,
                    one.rounds,
                    one.metric,
                    keccak256(abi.encodePacked(one.weights))
                )
            )
        );
    }

    function _checkPlace(string calldata where) private pure {
        if (bytes(where).length > LONGEST_PLACE) revert PlaceTooLong(bytes(where).length);
    }

    /// @dev To the user's balance, not the user itself: one that cannot receive must not keep members from being paid.
    function _payBack(address user, uint256 amount) private {
        if (amount == 0) return;
        address[] memory accounts = new address[](1);
        uint256[] memory weights = new uint256[](1);
        accounts[0] = user;
        weights[0] = 1;
        rewards.credit{value: amount}(bytes32(0), accounts, weights);
    }
}
