// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title Who the members of a run are
/// @notice The run of a job has the members that accepted it, under the job's number. Any other is opened by signatures of
/// all of its members, under a number that follows from run and members, so that nobody can take it first. What members say
/// together takes signatures of two thirds of them, as long as the run lasts.
contract RunRegistry is EIP712 {
    bytes32 public constant MEMBERSHIP_TYPE = keccak256("Membership(bytes32 run,bytes32 members,uint64 until)");
    /// Settling a job with so many fits into the 16.7 million gas that a transaction may use (EIP-7825).
    uint256 public constant MOST_MEMBERS = 128;
    uint64 public constant LONGEST_SECONDS = 10 * 366 days;

    /// Whoever may open runs of jobs.
    address public immutable escrow;

    /// Number of members, those who are still to join included; 0: no such run.
    mapping(bytes32 id => uint256) public sizeOf;
    mapping(bytes32 id => uint256) public joinedOf;
    /// The most of its stake that a member can lose by verdicts of this run, in wei.
    mapping(bytes32 id => uint256) public atRiskOf;
    /// Until when its members judge one another, in seconds since 1970.
    mapping(bytes32 id => uint64) public untilOf;
    /// Position of a member from 1 on; 0: not a member.
    mapping(bytes32 id => mapping(address account => uint256)) public positionOf;
    /// Entries that a member's newest anchored head covers; the head itself is in the event.
    mapping(bytes32 id => mapping(address account => uint64)) public anchoredHeight;

    event Opened(bytes32 indexed id, bytes32 indexed run, address[] members, uint64 until);
    event Joined(bytes32 indexed id, address indexed member);
    event Anchored(bytes32 indexed id, address indexed member, uint64 height, bytes32 entry);

    error AlreadyOpen(bytes32 id);
    error MalformedRun();
    error NotOrdered(address member);
    error NotMember(bytes32 id, address account);
    error NotEscrow(address caller);
    error TooFewSignatures(uint256 signatures, uint256 needed);
    error NotHigher(uint64 height, uint64 anchored);

    constructor(address escrow_) EIP712("Tempered run", "1") {
        escrow = escrow_;
    }

    /// @param run hash of the run's manifest
    /// @param members accounts in ascending order, each once
    /// @param signatures of each of them over `Membership(run, keccak256(members), until)`
    function open(bytes32 run, address[] calldata members, uint64 until, bytes[] calldata signatures)
        external
        returns (bytes32 id)
    {
        id = idOf(run, members);
        if (sizeOf[id] != 0) revert AlreadyOpen(id);
        if (
            run == 0 || members.length == 0 || members.length > MOST_MEMBERS || members.length != signatures.length
                || until <= block.timestamp || until > block.timestamp + LONGEST_SECONDS
        ) revert MalformedRun();
        bytes32 packed = keccak256(abi.encodePacked(members));
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(MEMBERSHIP_TYPE, run, packed, until)));
        address last = address(0);
        for (uint256 k = 0; k < members.length; k++) {
            address member = members[k];
            if (member <= last) revert NotOrdered(member);
            if (ECDSA.recover(digest, signatures[k]) != member) revert NotMember(id, member);
            positionOf[id][member] = k + 1;
            last = member;
        }
        sizeOf[id] = members.length;
        joinedOf[id] = members.length;
        atRiskOf[id] = type(uint256).max;
        untilOf[id] = until;
        emit Opened(id, run, members, until);
    }

    /// @notice Adds a member to the run of a job: it has said so itself, by accepting.
    /// @param places how many members the job takes; two thirds are of these from the first one on
    /// @param atRisk the most that a member can lose by verdicts
    function join(bytes32 job, address member, uint256 places, uint256 atRisk, uint64 until) external {
        if (msg.sender != escrow) revert NotEscrow(msg.sender);
        uint256 joined = joinedOf[job];
        if (places > MOST_MEMBERS || joined >= places || positionOf[job][member] != 0) revert MalformedRun();
        joinedOf[job] = joined + 1;
        positionOf[job][member] = joined + 1;
        sizeOf[job] = places;
        atRiskOf[job] = atRisk;
        untilOf[job] = until;
        emit Joined(job, member);
    }

    /// @notice The job of a run is over: its members judge one another no longer than stakes are being withdrawn.
    function end(bytes32 job) external {
        if (msg.sender != escrow) revert NotEscrow(msg.sender);
        if (untilOf[job] > block.timestamp) untilOf[job] = uint64(block.timestamp);
    }

    /// @notice Whether all members are there. Before that nobody says anything for them.
    function isComplete(bytes32 id) public view returns (bool) {
        return sizeOf[id] != 0 && joinedOf[id] == sizeOf[id];
    }

    /// @notice Anchors the head of the sender's own ledger: from now on it existed.
    /// @param height number of entries that the head covers, at least 1
    function anchor(bytes32 id, uint64 height, bytes32 entry) external {
        if (positionOf[id][msg.sender] == 0) revert NotMember(id, msg.sender);
        uint64 before = anchoredHeight[id][msg.sender];
        if (height <= before) revert NotHigher(height, before);
        anchoredHeight[id][msg.sender] = height;
        emit Anchored(id, msg.sender, height, entry);
    }

    /// @notice The number of a run without a job.
    function idOf(bytes32 run, address[] calldata members) public pure returns (bytes32) {
        return keccak256(abi.encode(run, keccak256(abi.encodePacked(members))));
    }

    /// @notice How many members two thirds are, rounded up.
    function quorumOf(bytes32 id) public view returns (uint256) {
        return (2 * sizeOf[id] + 2) / 3;
    }

    /// @notice The members that have signed a digest, as bits by position. Reverts for a signature of anybody else, and for
    /// two of one member.
    function signersOf(bytes32 id, bytes32 digest, bytes[] calldata signatures) public view returns (uint256 signers) {
        for (uint256 k = 0; k < signatures.length; k++) {
            address account = ECDSA.recover(digest, signatures[k]);
            uint256 position = positionOf[id][account];
            if (position == 0) revert NotMember(id, account);
            uint256 bit = 1 << (position - 1);
            if (signers & bit != 0) revert NotOrdered(account);
            signers |= bit;
        }
    }

    /// @notice As `signersOf`, for what takes two thirds of the members.
    function requireQuorum(bytes32 id, bytes32 digest, bytes[] calldata signatures)
        external
        view
        returns (uint256 signers)
    {
        uint256 needed = quorumOf(id);
        if (needed == 0 || signatures.length < needed) revert TooFewSignatures(signatures.length, needed);
        return signersOf(id, digest, signatures);
    }
}
